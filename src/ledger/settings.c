#include "ledger/settings.h"

static const struct cfg_word DURABILITY[] = {
    {"kept", LEDGER_KEPT, "survives a crash of this process (kill -9), costs well under a microsecond"},
    {"synced", LEDGER_SYNCED, "survives a crash of the machine; waits for the disk"},
    {NULL, 0, NULL}};
static const struct cfg_word ON_FULL[] = {
    {"refuse", LEDGER_REFUSE, "new requests get 503: nothing is spent that is not accounted for"},
    {"continue", LEDGER_CONTINUE, "requests go on; what could not be written is counted and alarmed"},
    {NULL, 0, NULL}};

const struct cfg_section ledger_settings_section = {
    .settings = (const struct cfg_setting[]){
        {"open", CFG_ENUM_AT(struct ledger_settings, open, DURABILITY), .preset = "kept",
         .text = "How durable the record that an attempt begins must be before its first byte goes out."},
        {"close", CFG_ENUM_AT(struct ledger_settings, close, DURABILITY), .preset = "kept",
         .text = "How durable the record of what it cost must be before the client gets the end of its answer."},
        {"on_full", CFG_ENUM_AT(struct ledger_settings, on_full, ON_FULL), .preset = "refuse",
         .text = "What happens when the disk is full. Never silent."},
        {"segment_bytes", CFG_SIZE_AT(struct ledger_settings, segment_bytes), .preset = "16MiB", .min = 1 << 20,
         .max = 1 << 30, .flags = CFG_RESTART,
         .text = "Size of one journal file; every worker has one in use and one ready. Smaller ones are moved "
                 "to the database more often."},
        {"prices", CFG_PATH_AT(struct ledger_settings, prices),
         .text = "A price catalogue (JSON) that is used instead of the built-in one. Read again when it changes; a "
                 "catalogue with an error is refused whole and the one before stays."},
        CFG_END}};
