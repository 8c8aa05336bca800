"""What the stand-in estate holds, one module per concern, one function per service."""
