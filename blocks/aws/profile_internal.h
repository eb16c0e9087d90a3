/* The shared config and credentials files (AWS SDKs and Tools Reference Guide, "Shared config and credentials files"). */
#ifndef DOWEL_AWS_PROFILE_H
#define DOWEL_AWS_PROFILE_H

#include <dowel/runtime.h>
#include <dowel/text.h>

#define DOWEL_AWS_PATH_SIZE 4096

typedef struct dowel_aws_profiles dowel_aws_profiles;

/* What a section of a file describes. */
typedef enum dowel_aws_section {
    DOWEL_AWS_PROFILE,     /* [default], [profile NAME]; in the credentials file [NAME] */
    DOWEL_AWS_SSO_SESSION, /* [sso-session NAME] */
    DOWEL_AWS_SERVICES,    /* [services NAME] */
} dowel_aws_section;

/* Reads the files that AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE name, else those in ~/.aws. Absent files are empty; of one with lines that
 * nobody can read, the others count (dowel_aws_profiles_problem). Once for a handle (NULL: none), and again when one of the files has changed. End
 * it with dowel_aws_profiles_release. */
int dowel_aws_profiles_load(dowel *d, dowel_aws_profiles **profiles, dowel_error *err);
dowel_aws_profiles *dowel_aws_profiles_retain(dowel_aws_profiles *profiles);
void dowel_aws_profiles_release(dowel_aws_profiles *profiles); /* NULL is allowed */
void dowel_aws_profiles_free(dowel_aws_profiles *profiles);    /* of dowel_aws_profiles_new */
/* Where the config or the credentials file is looked for; false when nothing says where. */
bool dowel_aws_profiles_path(bool credentials, char path[DOWEL_AWS_PATH_SIZE]);

dowel_aws_profiles *dowel_aws_profiles_new(void);
/* Adds the text of one file: first the config file, then the credentials file, whose settings win. Strictly: the first line that is not of the
 * documented form is an error. */
int dowel_aws_profiles_parse(dowel_aws_profiles *profiles, const char *text, size_t size, bool credentials,
                             const char *origin, dowel_error *err);
/* The same as the AWS CLI and boto3 read it, which take more. Lines that cannot be read are passed over, and the first is kept: it fails only when
 * there is no memory. */
int dowel_aws_profiles_read(dowel_aws_profiles *profiles, const char *text, size_t size, bool credentials,
                            const char *origin, dowel_error *err);
/* The first line, or file, that could not be read; NULL: all could. An error if something needs these files. */
const dowel_error *dowel_aws_profiles_problem(const dowel_aws_profiles *profiles);
void dowel_aws_profiles_note(dowel_aws_profiles *profiles, const dowel_error *problem);
/* Which files were looked at, for messages. */
const char *dowel_aws_profiles_files(const dowel_aws_profiles *profiles);
void dowel_aws_profiles_looked_at(dowel_aws_profiles *profiles, const char *path, const char *why);

bool dowel_aws_section_exists(const dowel_aws_profiles *profiles, dowel_aws_section kind, const char *name);
/* The setting, or NULL. Borrowed. Continued lines are joined by newlines. */
const char *dowel_aws_setting(const dowel_aws_profiles *profiles, dowel_aws_section kind, const char *section,
                              const char *name);
/* One of a setting's own settings ("s3 =" and indented lines below it): newly allocated, or NULL when there is none. */
char *dowel_aws_sub_setting(const char *value, const char *name);
/* The n-th section of a kind, the n-th setting of a section; NULL past the last. Borrowed. */
const char *dowel_aws_section_at(const dowel_aws_profiles *profiles, dowel_aws_section kind, size_t n);
const char *dowel_aws_setting_at(const dowel_aws_profiles *profiles, dowel_aws_section kind, const char *section,
                                 size_t n);

#endif
