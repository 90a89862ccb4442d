"""Detection segmentation."""
