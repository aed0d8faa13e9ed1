"""What the end-to-end tests stand on: processes, a scripted upstream, a raw client, certificates."""
