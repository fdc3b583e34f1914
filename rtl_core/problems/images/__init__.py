"""Problems of labelled images."""
