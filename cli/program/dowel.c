/* The dowel command with the built-in connectors. */
#include <dowel/cli.h>

int main(int argc, char **argv) {
    return dowel_cli(argc, argv, NULL);
}
