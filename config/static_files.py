"""Scripts and styles as browsers get them: under a name that changes with their content, so that they may be kept."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class StaticFiles(CompressedManifestStaticFilesStorage):
    """Also what a script imports is named by its content: else a browser would mix an old module with a new page."""

    support_js_module_import_aggregation = True
