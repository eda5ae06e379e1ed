"""What an engine needs to run a trial: a call, a folder, a compile cache."""
