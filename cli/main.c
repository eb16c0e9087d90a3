#include <dowel/dowel.h>

int main(void) {
    return 0;
}
