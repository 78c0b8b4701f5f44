#include "net/trust.h"

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <vector>

#if defined(_WIN32)
#include <windows.h>
// after windows.h
#include <wincrypt.h>
#endif

namespace dreamport::net {
namespace {

struct FileCloser {
    void operator()(std::FILE* file) const noexcept { std::fclose(file); }
};

// The file's text; empty when it cannot be read. At most 16 MiB.
std::vector<char> text_of(const std::string& path) {
#if defined(_WIN32)
    std::vector<wchar_t> wide(path.size() + 1);
    if (MultiByteToWideChar(CP_UTF8, 0, path.c_str(), -1, wide.data(), static_cast<int>(wide.size())) == 0) return {};
    const std::unique_ptr<std::FILE, FileCloser> file(_wfopen(wide.data(), L"rb"));
#else
    const std::unique_ptr<std::FILE, FileCloser> file(std::fopen(path.c_str(), "rb"));
#endif
    std::vector<char> text;
    if (!file) return text;
    constexpr std::size_t most = 16 << 20;
    for (std::size_t filled = 0; filled < most;) {
        text.resize(filled + (64 << 10));
        const std::size_t count = std::fread(text.data() + filled, 1, text.size() - filled, file.get());
        filled += count;
        text.resize(filled);
        if (count == 0) break;
    }
    return text;
}

int add_pem(X509_STORE* store, const std::vector<char>& text) {
    const bssl::UniquePtr<BIO> bio(BIO_new_mem_buf(text.data(), static_cast<ossl_ssize_t>(text.size())));
    int added = 0;
    while (bio) {
        const bssl::UniquePtr<X509> certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
        if (!certificate) break;
        added += X509_STORE_add_cert(store, certificate.get());
    }
    return added;
}

int add_system(X509_STORE* store) {
#if defined(_WIN32)
    const HCERTSTORE system = CertOpenSystemStoreW(0, L"ROOT");
    if (system == nullptr) return 0;
    int added = 0;
    for (PCCERT_CONTEXT one = nullptr; (one = CertEnumCertificatesInStore(system, one)) != nullptr;) {
        const unsigned char* bytes = one->pbCertEncoded;
        const bssl::UniquePtr<X509> certificate(d2i_X509(nullptr, &bytes, static_cast<long>(one->cbCertEncoded)));
        if (certificate) added += X509_STORE_add_cert(store, certificate.get());
    }
    CertCloseStore(system, 0);
    return added;
#else
    const char* const chosen = std::getenv("SSL_CERT_FILE");
    if (chosen != nullptr && *chosen != 0) return add_pem(store, text_of(chosen));
    for (const char* path : {"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
                             "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem"}) {
        const int added = add_pem(store, text_of(path));
        if (added > 0) return added;
    }
    return 0;
#endif
}

}  // namespace

std::string trust_certificates(SSL_CTX* context, const std::string& ca_file) {
    X509_STORE* const store = SSL_CTX_get_cert_store(context);
    if (!ca_file.empty()) {
        const std::vector<char> text = text_of(ca_file);
        if (text.empty()) return "the file of trusted certificates cannot be read: " + ca_file;
        if (add_pem(store, text) == 0) return "there is no PEM certificate in " + ca_file;
        return std::string();
    }
    if (add_system(store) == 0)
        return "this system has no list of trusted certificates: name a PEM file of them (ca_file)";
    return std::string();
}

}  // namespace dreamport::net
