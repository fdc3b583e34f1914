"""What a process is told and tells: how it ends early, what goes out, its cores and its status."""
