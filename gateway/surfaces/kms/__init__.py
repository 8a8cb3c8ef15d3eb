"""The Kubernetes KMS v2 plugin: a process beside kube-apiserver that is a gRPC client of a gateway.

It runs on the machines of the control plane and serves only a Unix socket. Unlike the other surfaces, it does not run
in the process of the gateway.
"""
