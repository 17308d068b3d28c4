"""template.yaml as the local run reads it: resources, functions, queues, intrinsic functions."""
