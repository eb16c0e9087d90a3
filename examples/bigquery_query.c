/* Runs a BigQuery query with a parameter and prints its rows: bigquery_query gcp-credentials/NAME */
#include <dowel/bigquery.h>
#include <stdio.h>

int main(int argc, char **argv) {
    if (argc != 2) return fprintf(stderr, "usage: bigquery_query gcp-credentials/NAME\n"), 2;
    dowel *d;
    dowel_error err;
    dowel_block *credentials = NULL;
    json_t *parameters = json_pack("{s:i}", "most", 3), *result = NULL, *row;
    size_t i;
    if (dowel_open(&d, NULL, &err)) return dowel_error_print(&err);
    int rc = dowel_block_load(d, argv[1], &credentials, &err);
    if (!rc)
        rc = dowel_bigquery_query(
            d,
            &(dowel_bigquery_query_args){.query = "SELECT n, n * n AS square FROM UNNEST([1, 2, 3, 4, 5]) AS n "
                                                  "WHERE n <= @most ORDER BY n",
                                         .parameters = parameters,
                                         .credentials = credentials},
            &result, &err);
    json_array_foreach(json_object_get(result, "rows"), i, row)
        printf("%lld squared is %lld\n", (long long)json_integer_value(json_object_get(row, "n")),
               (long long)json_integer_value(json_object_get(row, "square")));
    json_decref(result);
    json_decref(parameters);
    dowel_block_free(credentials);
    dowel_close(d);
    return rc ? dowel_error_print(&err) : 0;
}
