/* The descriptor of the import sources that belong to no cloud. */
#include "import_internal.h"

static const dowel_import_source *const imports[] = {&dowel_prefect_import, &dowel_airflow_import, &dowel_rclone_import,
                                                     NULL};

const dowel_connector dowel_import_connector = {
    .abi = DOWEL_ABI,
    .size = sizeof(dowel_connector),
    .name = "import",
    .version = "0.1.0",
    .doc = "Import of blocks from Prefect, Airflow and rclone.",
    .imports = imports,
};
