#!/bin/sh
# The main job: loads a table through Cloud Storage into BigQuery, and sends a summary through S3 and Lambda, then runs a Cloud Run job.
# examples/quickstart.sh runs it against stand-in servers, whose addresses and keys are in DOWEL_TEST_* variables.
# For real accounts, leave out every --endpoint and name your own project and buckets.
set -eu
PATH=${DOWEL_BIN:+${DOWEL_BIN%/*}:}$PWD/build/release:$PATH
csv=build/data/airports.csv
work=$DOWEL_TEST_TMP
export BIGQUERY_EMULATOR_HOST="$DOWEL_TEST_BIGQUERY_URL"

if [ -t 1 ]; then bold=$(printf '\033[1m') plain=$(printf '\033[0m'); else bold='' plain=''; fi
say() { printf '\n%s# %s%s\n' "$bold" "$*" "$plain"; }
show() { # prints a command as you would type it, with quotes where they are needed
    printf '%s$ dowel' "$bold"
    for word in "$@"; do
        case $word in
        *[!A-Za-z0-9_./:=@,+-]*) printf " '%s'" "$word" ;;
        *) printf ' %s' "$word" ;;
        esac
    done
    printf '%s\n' "$plain"
}
run() {
    show "$@"
    dowel "$@"
}

say "Blocks: credentials and targets, saved once, used by name"
run block save gcp-credentials/demo --service-account-file "$DOWEL_TEST_OAUTH_KEYS/service-account.json" --project demo-project
run block save aws-credentials/demo --access-key-id "$DOWEL_TEST_AWS_ACCESS_KEY_ID" \
    --secret-access-key env:DOWEL_TEST_AWS_SECRET_ACCESS_KEY --region us-east-1
run block save gcs-bucket/landing --bucket dowel-landing --credentials demo --endpoint "$DOWEL_TEST_GCS_URL"
run block save s3-bucket/reports --bucket dowel-reports --credentials demo --endpoint "$DOWEL_TEST_MOTO_URL"
run block save lambda-function/summarise --function-name dowel-test-dev-summarise --credentials demo \
    --endpoint "$DOWEL_TEST_LAMBDA_URL"
run block save cloud-run-job/nightly --job nightly-report --image local/report --region europe-west1 --credentials demo \
    --command sh --args -c --args 'echo "report for $REPORT: task $CLOUD_RUN_TASK_INDEX of $CLOUD_RUN_TASK_COUNT"' \
    --env REPORT=airports --task-count 2 --endpoint "$DOWEL_TEST_CLOUD_RUN_URL"
run block list
run block show aws-credentials/demo

say "Cloud Storage: upload the table"
run call gcs.create_bucket --bucket landing
run call gcs.upload --bucket landing --file "$csv" --name airports.csv

say "BigQuery: load the table, query it"
run call bigquery.create_dataset --dataset travel --credentials demo
run call bigquery.load --table travel.airports --file "$csv" --autodetect --credentials demo
query='SELECT state, COUNT(*) AS airports, ROUND(AVG(latitude), 2) AS latitude FROM travel.airports GROUP BY state ORDER BY airports DESC, state LIMIT 5'
run call bigquery.query --query "$query" --credentials demo
show call bigquery.query --query "$query" --credentials demo --json
dowel call bigquery.query --query "$query" --credentials demo --json >"$work/report.json"
head -c 300 "$work/report.json"
echo ' ...'

say "S3: upload the result, download it, compare"
run call s3.create_bucket --bucket reports
run call s3.put --bucket reports --file "$work/report.json" --key report.json
run call s3.get --bucket reports --key report.json --file "$work/back.json"
cmp "$work/report.json" "$work/back.json"
echo "the same byte for byte"

say "Lambda: summarise the result"
run call lambda.invoke --function summarise --payload "@$work/report.json"

say "Cloud Run: run a job with two tasks"
run call cloud_run.run --job nightly

say "History: list the runs"
run runs

cat <<'TEXT'

The main job ran against stand-in servers, which have stopped. With a real account:

    dowel block save gcp-credentials/prod --service-account-file key.json
    dowel block save gcs-bucket/landing --bucket YOUR-BUCKET --credentials prod
    dowel call gcs.upload --bucket landing --file data.csv
    dowel call bigquery.query --query 'SELECT 1 AS x' --credentials prod
TEXT
