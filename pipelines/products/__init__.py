"""What the cluster publishes: curated tables of the published file, as workbooks.

Products only read, and only columns of level public and partners. What the figures are is warehouse/curated/; how a
workbook is written safely is workbook.py; each product is a module of its own, listed in catalogue.py.
"""

from pipelines.products.catalogue import PRODUCTS, write_product
from pipelines.products.product import Context, Product

__all__ = ["PRODUCTS", "Context", "Product", "write_product"]
