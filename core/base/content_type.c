/* The content type that a name suggests. */
#include <dowel/objects.h>

#include <string.h>

const char *dowel_content_type(const char *name) {
    static const struct {
        const char *ending, *type;
    } types[] = {{".avif", "image/avif"},
                 {".avro", "application/avro"},
                 {".bz2", "application/x-bzip2"},
                 {".css", "text/css"},
                 {".csv", "text/csv"},
                 {".doc", "application/msword"},
                 {".docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"},
                 {".gif", "image/gif"},
                 {".gz", "application/gzip"},
                 {".htm", "text/html"},
                 {".html", "text/html"},
                 {".ico", "image/vnd.microsoft.icon"},
                 {".jpeg", "image/jpeg"},
                 {".jpg", "image/jpeg"},
                 {".js", "text/javascript"},
                 {".json", "application/json"},
                 {".jsonl", "application/jsonl"},
                 {".log", "text/plain"},
                 {".md", "text/markdown"},
                 {".mjs", "text/javascript"},
                 {".mp3", "audio/mpeg"},
                 {".mp4", "video/mp4"},
                 {".ndjson", "application/x-ndjson"},
                 {".ogg", "audio/ogg"},
                 {".parquet", "application/vnd.apache.parquet"},
                 {".pdf", "application/pdf"},
                 {".png", "image/png"},
                 {".svg", "image/svg+xml"},
                 {".tar", "application/x-tar"},
                 {".tif", "image/tiff"},
                 {".tiff", "image/tiff"},
                 {".tsv", "text/tab-separated-values"},
                 {".txt", "text/plain"},
                 {".wasm", "application/wasm"},
                 {".wav", "audio/wav"},
                 {".webm", "video/webm"},
                 {".webp", "image/webp"},
                 {".xls", "application/vnd.ms-excel"},
                 {".xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
                 {".xml", "application/xml"},
                 {".yaml", "application/yaml"},
                 {".yml", "application/yaml"},
                 {".zip", "application/zip"},
                 {".zst", "application/zstd"}};
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < sizeof types / sizeof types[0]; i++)
        if (!dowel_casecmp(dot, types[i].ending)) return types[i].type;
    return "application/octet-stream";
}
