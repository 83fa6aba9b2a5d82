/* Prints the status file of a server that runs, hangs or is dead (docs/STATUS-FILE.md). It needs no library. */
#define _XOPEN_SOURCE 700
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
static unsigned long long number(const unsigned char *at, int bytes)
{
    return bytes == 0 ? 0 : at[0] | number(at + 1, bytes - 1) << 8;
}
static int is_whole(const unsigned char *record, int size) /* its last four bytes are the CRC-32 of the others */
{
    unsigned long sum = 0xffffffffUL;
    for (int bit = 0; bit < (size - 4) * 8; bit++)
        sum = sum >> 1 ^ (((sum ^ record[bit / 8] >> bit % 8) & 1) ? 0xedb88320UL : 0);
    return (sum ^ 0xffffffffUL) == number(record + size - 4, 4);
}
static const unsigned char *newest(int file, off_t offset, int size, unsigned char *pair)
{
    if (pread(file, pair, 2 * size, offset) != 2 * size) return NULL;
    int even = is_whole(pair, size), odd = is_whole(pair + size, size);
    if (even && (!odd || number(pair, 8) > number(pair + size, 8))) return pair;
    return odd ? pair + size : NULL;
}
int main(int argc, char **argv)
{
    static const char *const states[] = {"UNKNOWN", "UP", "DOWN", "PAUSED", "OVERDUE", "ENDED"};
    unsigned char head[256], lives[512], pair[1024];
    int file = open(argc == 2 ? argv[1] : "", O_RDONLY);
    const unsigned char *peer, *life = newest(file, 4096, 256, lives);
    if (life == NULL || pread(file, head, 256, 0) != 256 || memcmp(head, "PEERMON\n\1", 10) != 0 || !is_whole(head, 256))
        return fputs("usage: status_read FILE, which is a status file of format 1\n", stderr), 1;
    printf("%.*s pid=%llu epoch=%016llx\n", head[177], head + 178, number(life + 8, 4), number(head + 16, 8));
    for (unsigned long long i = 0; i < number(life + 88, 4); i++) {
        if ((peer = newest(file, 1056768 + 1024 * (off_t)i, 512, pair)) == NULL || peer[8] == 0) continue;
        unsigned flags = peer[10]; /* A and B are 0 where the table of the status record has "-" */
        printf("%.*s state=%s start=%u A=%llu B=%llu end=%u wait=%u\n", peer[200], peer + 201, states[peer[9] % 6],
               flags & 1, number(peer + 16, 8), number(peer + 24, 8), flags >> 3 & 1, flags >> 4 & 1);
    }
}
