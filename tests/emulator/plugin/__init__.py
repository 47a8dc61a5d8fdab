"""What stand-ins for Pulumi's plugins share: the plugin protocol, and what an SDK's source says."""
