/* What busybox has no applet for: answers each datagram on a port with the same, behind the port that it came from. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

int main(int count, char **words) {
    char text[2048];
    int in = socket(AF_INET, SOCK_DGRAM, 0);
    struct sockaddr_in own = {.sin_family = AF_INET, .sin_port = htons(atoi(words[count - 1]))}, from;
    if (bind(in, (struct sockaddr *)&own, sizeof own)) return 1;
    for (;;) {
        socklen_t size = sizeof from;
        ssize_t got = recvfrom(in, text, sizeof text - 8, 0, (struct sockaddr *)&from, &size);
        if (got < 0) return 1;
        got += snprintf(text + got, 8, " %d", ntohs(from.sin_port));
        sendto(in, text, got, 0, (struct sockaddr *)&from, size);
    }
}
