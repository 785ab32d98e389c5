/* certificates.h: where this system keeps the certificates that https servers are believed by.
 *
 *     const char *file = certificates_file();
 *     if (file) curl_easy_setopt(c, CURLOPT_CAINFO, file);
 *
 * libcurl knows the place of the system that it was built on. A copy of it that travels (in the Python wheel) may run where
 * they lie elsewhere.
 *
 * Ownership: the string is the environment's or static. */
#ifndef LOREC_BASE_CERTIFICATES_H
#define LOREC_BASE_CERTIFICATES_H

/* CURL_CA_BUNDLE or SSL_CERT_FILE where the environment says so, else the first that is there of where Linux distributions
 * keep them; NULL: none, libcurl's own place stays. */
const char *certificates_file(void);

#endif
