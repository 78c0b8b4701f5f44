// The certificates that this side trusts: those of a PEM file, or the system's.
#pragma once

#include <openssl/ssl.h>

#include <string>

namespace dreamport::net {

// Adds the certificates of the PEM file `ca_file` (UTF-8 path) to the context, or the system's where that is empty.
// Empty when at least one was added, else what is wrong, for people.
//
// The system's are, on Windows, the user's and machine's root store; elsewhere SSL_CERT_FILE or the usual bundles
// (Debian, Fedora, openSUSE, Alpine; macOS keeps Apple's roots in /etc/ssl/cert.pem, but what an administrator added to
// the keychain is not in it: name it as ca_file).
std::string trust_certificates(SSL_CTX* context, const std::string& ca_file);

}  // namespace dreamport::net
