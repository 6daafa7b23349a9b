"""What a person sees: reprs, logs as they grow. Colours are JupyterLab's own variables."""
