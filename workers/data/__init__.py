"""Readers of data sets, and what turns stored examples into tensors.

`workers.data.preprocess` is imported by itself: it needs torch, indexing does not.
"""

from workers.data.errors import RejectedRow
from workers.data.index import IndexResult, index_dataset
from workers.data.spec import IndexSpec, spec_of

__all__ = ["IndexResult", "IndexSpec", "RejectedRow", "index_dataset", "spec_of"]
