"""Which ticket an example is for, where its context is not known: no label is asked, and no router is trained."""
