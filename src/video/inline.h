/* Videos inside of JSON answers (Vertex without a bucket: video.md A3), tens of megabytes of base64 in one string. Read in slices, cut
 * anywhere, in constant memory: thinned for who wants to know what an answer says, unpacked for who wants the video. Any bytes may
 * come. */
#ifndef SLUICE_VIDEO_INLINE_H
#define SLUICE_VIDEO_INLINE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "dialect/json_base64.h"

#define VIDEO_THIN_BYTES 65536u /* of a string: longer ones lose their rest */

struct video_thin { /* zeroed: at the beginning of a document */
    size_t n;       /* of the string so far; VIDEO_THIN_BYTES: it is cut */
    bool in, escape;
    uint8_t unicode; /* digits that "\\u" waits for */
};
/* The document with its long strings cut, as valid as it was. out has room for in.n bytes; gives how many. */
size_t video_thin(struct video_thin *t, struct sl_str in, char *out);

struct video_unpack { /* zeroed: at the beginning of a document */
    uint8_t state;
    char key[24]; /* of the last string */
    uint8_t key_n;
    bool escape; /* within a string that is not the bytes */
    struct json_base64 bytes;
    bool data; /* set by who begins: the member is "data" */
};
/* The bytes of the first member bytesBase64Encoded or encodedVideo, or data. out has room for in.n bytes; gives how many. */
size_t video_unpack(struct video_unpack *u, struct sl_str in, char *out);
/* The member was there, and came to its end without a byte that is no base64. */
bool video_unpack_whole(const struct video_unpack *u);

#endif
