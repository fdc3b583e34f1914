"""The jobs that come with the project. Put your own beside them: the pipeline watches this folder."""
