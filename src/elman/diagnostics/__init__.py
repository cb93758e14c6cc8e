"""What a model remembers, as numbers and pictures: each diagnosis is one function of a `elman.nn.subject.Subject`.

A diagnosis reads a model and never changes it. Its result has ``plot()``, ``to_dict()`` and a few sentences as text.
"""
