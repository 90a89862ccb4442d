"""The untrusted side: the process that runs learners' code, and how it locks itself in.

Everything here runs where learners' code does, so nothing that it says is believed. It imports ``protocol``
and the modules at the top alone. Only ``learner``, on the learner's own machine, and the authors' ``verify``
import it; the judge speaks to it over a socket.
"""
