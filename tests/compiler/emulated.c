/* Runs a compiled loop on arrays from a file: argv[1] holds the arrays and the loop's frame, argv[2] takes the arrays
   as the loop left them. A file is a row of 64-bit numbers: how many arrays, how many words of the frame; for each word
   the array that it points to, or -1, and its value otherwise; for each array its bytes, then what it holds. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { ALIGNMENT = 64, MOST = 256 };

void loop(int64_t *frame, int64_t thread);

static void get(void *to, size_t size, FILE *file) {
    if (fread(to, 1, size, file) != size) exit(2);
}

int main(int argc, char **argv) {
    if (argc != 3) return 2;
    FILE *in = fopen(argv[1], "rb"), *out = fopen(argv[2], "wb");
    if (!in || !out) return 2;
    int64_t counts[2], words[MOST][2], frame[MOST], sizes[MOST];
    char *arrays[MOST];
    get(counts, sizeof counts, in);
    if (counts[0] > MOST || counts[1] > MOST) return 2;
    get(words, counts[1] * sizeof *words, in);
    for (int n = 0; n < counts[0]; n++) {
        get(&sizes[n], sizeof *sizes, in);
        arrays[n] = aligned_alloc(ALIGNMENT, (sizes[n] / ALIGNMENT + 1) * ALIGNMENT);
        get(arrays[n], sizes[n], in);
    }
    for (int n = 0; n < counts[1]; n++)
        frame[n] = words[n][0] < 0 ? words[n][1] : (int64_t)arrays[words[n][0]];
    loop(frame, 0);
    for (int n = 0; n < counts[0]; n++) fwrite(arrays[n], 1, sizes[n], out);
    return fclose(out) ? 2 : 0;
}
