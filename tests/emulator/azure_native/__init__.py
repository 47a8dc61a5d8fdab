"""A stand-in for Pulumi's azure-native plugin, which no package registry has.

The engine finds it on PATH as `pulumi-resource-azure-native`. It speaks the plugin protocol on one
side and HTTPS to Resource Manager on the other, and keeps nothing itself.
"""
