"""Reads template.yaml for the local run: resources, functions, queues, intrinsic functions."""
