#include "base/certificates.h"

#include <stdlib.h>
#include <unistd.h>

const char *certificates_file(void)
{
    static const char *const words[] = {"CURL_CA_BUNDLE", "SSL_CERT_FILE"};
    static const char *const places[] = {
        "/etc/ssl/certs/ca-certificates.crt",                /* Debian, Ubuntu, Arch, Alpine */
        "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", /* Fedora, RHEL */
        "/etc/pki/tls/certs/ca-bundle.crt",                  /* older ones */
        "/etc/ssl/ca-bundle.pem",                            /* SUSE */
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        const char *said = getenv(words[i]);
        if (said && *said) return said;
    }
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        if (access(places[i], R_OK) == 0) return places[i];
    return NULL;
}
