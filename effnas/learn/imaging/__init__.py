"""What augmentations of images are made of; single images, to be vmapped."""
