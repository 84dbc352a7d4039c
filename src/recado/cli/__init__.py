"""The command ``recado``: thin commands over the features, and the launching of processes.

The only place that knows the embedded servers. What may not live here: rules of the product.
"""
