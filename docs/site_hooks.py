"""Hands the pages that code writes (`workflows.reference`) to MkDocs."""

from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from workflows.reference import pages


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add them."""
    for uri, text in pages(Path(config.config_file_path).parent).items():
        files.append(File.generated(config, uri, content=text))
    return files
