"""The parts that stand-ins for Pulumi's plugins share: the protocol, and the SDKs' types."""
