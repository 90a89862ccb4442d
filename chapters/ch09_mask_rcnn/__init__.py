"""Chapter 9: Mask R-CNN, and Faster R-CNN and YOLO beside it."""
