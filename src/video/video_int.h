/* Inside video/ only: what adapters and faces share. */
#ifndef SLUICE_VIDEO_VIDEO_INT_H
#define SLUICE_VIDEO_VIDEO_INT_H

#include "video/video.h"

#endif
