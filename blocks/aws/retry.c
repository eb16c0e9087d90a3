/* How often Amazon's services are tried, as users of its SDKs set it (SDKs and Tools Reference Guide, "Retry behavior"). */
#include "settings.h"

#include <stdlib.h>

#define MOST 1000

static const struct {
    const char *name;
    int attempts;
} modes[] = {{"standard", 3}, {"adaptive", 3}, {"legacy", 5}};

int dowel_aws_find_attempts(dowel *d, const dowel_aws_settings *settings) {
    const char *number = dowel_aws_configured(settings, "AWS_MAX_ATTEMPTS", "max_attempts"),
               *mode = dowel_aws_configured(settings, "AWS_RETRY_MODE", "retry_mode");
    if (number) {
        char *end;
        long attempts = strtol(number, &end, 10);
        if (!*end && attempts >= 1 && attempts <= MOST) return (int)attempts;
        dowel_log(d, DOWEL_LOG_WARNING, "AWS_MAX_ATTEMPTS or max_attempts is \"%.40s\": expected a number from 1 to %d",
                  number, MOST);
    }
    for (size_t i = 0; mode && i < sizeof modes / sizeof modes[0]; i++)
        if (!dowel_casecmp(mode, modes[i].name)) return modes[i].attempts;
    if (mode)
        dowel_log(d, DOWEL_LOG_WARNING,
                  "AWS_RETRY_MODE or retry_mode is \"%.40s\": expected standard, adaptive or legacy", mode);
    return 0;
}

int dowel_aws_attempts(dowel *d, void *context) {
    const dowel_aws_signing *signing = context;
    dowel_aws_settings settings;
    if (dowel_aws_settings_open(d, signing->credentials, &settings, NULL)) return 0;
    int attempts = dowel_aws_find_attempts(d, &settings);
    dowel_aws_settings_close(&settings);
    return attempts;
}
