#include "net/tls.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/x509.h>

#include <algorithm>
#include <climits>
#include <cstring>

#include "net/resolve.h"
#include "net/trust.h"

namespace dreamport::net {
namespace {

// A BIO over Socket: BoringSSL's own would raise SIGPIPE when the other side is gone.
int bio_read(BIO* bio, char* data, int size) {
    BIO_clear_retry_flags(bio);
    if (size <= 0) return 0;
    const auto* socket = static_cast<const Socket*>(BIO_get_data(bio));
    const Io io = socket->receive(reinterpret_cast<std::uint8_t*>(data), static_cast<std::size_t>(size));
    if (io.result == IoResult::blocked) BIO_set_retry_read(bio);
    return io.result == IoResult::done ? static_cast<int>(io.count) : io.result == IoResult::closed ? 0 : -1;
}

int bio_write(BIO* bio, const char* data, int size) {
    BIO_clear_retry_flags(bio);
    if (size <= 0) return 0;
    const auto* socket = static_cast<const Socket*>(BIO_get_data(bio));
    const Bytes part = {reinterpret_cast<const std::uint8_t*>(data), static_cast<std::size_t>(size)};
    const Io io = socket->send(&part, 1);
    if (io.result == IoResult::blocked) BIO_set_retry_write(bio);
    return io.result == IoResult::done ? static_cast<int>(io.count) : -1;
}

long bio_control(BIO*, int command, long, void*) {
    return command == BIO_CTRL_FLUSH ? 1 : 0;
}

const BIO_METHOD* socket_method() {
    static BIO_METHOD* const method = [] {
        BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "dreamport socket");
        if (made == nullptr) return made;
        BIO_meth_set_read(made, bio_read);
        BIO_meth_set_write(made, bio_write);
        BIO_meth_set_ctrl(made, bio_control);
        return made;
    }();
    return method;
}

}  // namespace

std::unique_ptr<Tls> Tls::begin(const Socket* socket, const std::string& server_name, const std::string& ca_file,
                                std::string* detail) {
    *detail = "TLS cannot be started: out of memory";
    std::unique_ptr<Tls> made(new Tls);
    made->socket_ = socket;
    made->name_ = server_name;
    made->context_.reset(SSL_CTX_new(TLS_client_method()));
    SSL_CTX* const context = made->context_.get();
    if (context == nullptr || SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1) return nullptr;
    const std::string problem = trust_certificates(context, ca_file);
    if (!problem.empty()) {
        *detail = problem;
        return nullptr;
    }
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    static const std::uint8_t protocols[] = {2, 'h', '2'};
    if (SSL_CTX_set_alpn_protos(context, protocols, sizeof protocols) != 0) return nullptr;

    made->ssl_.reset(SSL_new(context));
    SSL* const ssl = made->ssl_.get();
    if (ssl == nullptr) return nullptr;
    X509_VERIFY_PARAM* const check = SSL_get0_param(ssl);
    if (is_address(server_name)) {
        if (X509_VERIFY_PARAM_set1_ip_asc(check, server_name.c_str()) != 1) return nullptr;
    } else {
        X509_VERIFY_PARAM_set_hostflags(check, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
        if (X509_VERIFY_PARAM_set1_host(check, server_name.data(), server_name.size()) != 1 ||
            SSL_set_tlsext_host_name(ssl, server_name.c_str()) != 1) {
            *detail = "this cannot be the name of a server: " + server_name;
            return nullptr;
        }
    }
    BIO* const bio = socket_method() != nullptr ? BIO_new(socket_method()) : nullptr;
    if (bio == nullptr) return nullptr;
    BIO_set_data(bio, const_cast<Socket*>(socket));
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl, bio, bio);
    SSL_set_connect_state(ssl);
    detail->clear();
    return made;
}

IoResult Tls::shake_hands() {
    ERR_clear_error();
    wants_write_ = false;
    const int result = SSL_do_handshake(ssl_.get());
    if (result == 1) {
        const std::uint8_t* protocol = nullptr;
        unsigned int size = 0;
        SSL_get0_alpn_selected(ssl_.get(), &protocol, &size);
        if (size == 2 && std::memcmp(protocol, "h2", 2) == 0) return IoResult::done;
        trouble_ = Trouble::protocol;
        detail_ = "the server speaks TLS but not HTTP/2: is this the port of another service?";
        return IoResult::failed;
    }
    switch (SSL_get_error(ssl_.get(), result)) {
        case SSL_ERROR_WANT_READ:
            return IoResult::blocked;
        case SSL_ERROR_WANT_WRITE:
            wants_write_ = true;
            return IoResult::blocked;
        default:
            explain_failure();
            return IoResult::failed;
    }
}

void Tls::explain_failure() {
    const std::uint32_t error = ERR_peek_error();
    const int reason = ERR_GET_REASON(error);
    const bool tls = ERR_GET_LIB(error) == ERR_LIB_SSL;
    trouble_ = Trouble::tls_other;
    if (tls && reason == SSL_R_CERTIFICATE_VERIFY_FAILED) {
        explain_certificate(SSL_get_verify_result(ssl_.get()));
    } else if (tls && (reason == SSL_R_WRONG_VERSION_NUMBER || reason == SSL_R_HTTP_REQUEST ||
                       reason == SSL_R_HTTPS_PROXY_REQUEST || reason == SSL_R_UNEXPECTED_RECORD ||
                       reason == SSL_R_INVALID_SSL_SESSION)) {
        detail_ =
            "the server does not speak TLS on this port: turn TLS off for this address, or start the server with a "
            "certificate";
    } else if (error == 0) {
        detail_ = "the server closed the connection during the TLS handshake: does it speak TLS on this port?";
    } else {
        char text[160];
        ERR_error_string_n(error, text, sizeof text);
        detail_ = std::string("the TLS handshake failed: ") + text;
    }
}

void Tls::explain_certificate(long verdict) {
    const std::string words = X509_verify_cert_error_string(verdict);
    switch (verdict) {
        case X509_V_ERR_CERT_HAS_EXPIRED:
            trouble_ = Trouble::tls_expired;
            detail_ = "the server's certificate has expired: give the server a new one";
            return;
        case X509_V_ERR_CERT_NOT_YET_VALID:
            trouble_ = Trouble::tls_expired;
            detail_ = "the server's certificate is not valid yet: is this computer's clock right?";
            return;
        case X509_V_ERR_HOSTNAME_MISMATCH:
        case X509_V_ERR_IP_ADDRESS_MISMATCH:
            trouble_ = Trouble::tls_name;
            detail_ =
                "the server's certificate is not for " + name_ + ": use the name that it bears, or set the server name";
            return;
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
        case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
        case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
        case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
        case X509_V_ERR_CERT_UNTRUSTED:
        case X509_V_ERR_CERT_REJECTED:
        case X509_V_ERR_CERT_SIGNATURE_FAILURE:
        case X509_V_ERR_INVALID_CA:
            trouble_ = Trouble::tls_untrusted;
            detail_ = "the server's certificate is not trusted (" + words +
                      "): name the file of its certificate authority (ca_file)";
            return;
        default:
            detail_ = "the server's certificate was refused: " + words;
            return;
    }
}

Io Tls::result_of(int result) {
    switch (SSL_get_error(ssl_.get(), result)) {
        case SSL_ERROR_WANT_READ:
            return {IoResult::blocked, 0, 0};
        case SSL_ERROR_WANT_WRITE:
            wants_write_ = true;
            return {IoResult::blocked, 0, 0};
        case SSL_ERROR_ZERO_RETURN:
            return {IoResult::closed, 0, 0};
        case SSL_ERROR_SYSCALL:
            if (ERR_peek_error() == 0) return {IoResult::closed, 0, 0};
            return {IoResult::failed, 0, 0};
        default:
            return {IoResult::failed, 0, 0};
    }
}

Io Tls::receive(std::uint8_t* data, std::size_t capacity) {
    ERR_clear_error();
    wants_write_ = false;
    std::size_t filled = 0;
    while (filled < capacity) {  // a record holds at most 16 KiB
        const int count =
            SSL_read(ssl_.get(), data + filled, static_cast<int>(std::min<std::size_t>(capacity - filled, INT_MAX)));
        if (count <= 0) {
            if (filled > 0) break;  // what stopped it comes again with the next call
            return result_of(count);
        }
        filled += static_cast<std::size_t>(count);
    }
    return {IoResult::done, filled, 0};
}

Io Tls::send(const Bytes* parts, std::size_t count) {
    ERR_clear_error();
    // One record for many small parts. What SSL_write did not take must be offered again, and the parts still begin
    // with it.
    std::size_t wanted = gathered_;
    if (wanted == 0) {
        for (std::size_t i = 0; i < count && wanted < record_bytes; ++i) {
            const std::size_t size = std::min(parts[i].size, record_bytes - wanted);
            std::memcpy(gather_ + wanted, parts[i].data, size);
            wanted += size;
        }
    }
    const int sent = SSL_write(ssl_.get(), gather_, static_cast<int>(wanted));
    if (sent <= 0) {
        gathered_ = wanted;
        return result_of(sent);
    }
    const auto taken = static_cast<std::size_t>(sent);
    std::memmove(gather_, gather_ + taken, wanted - taken);
    gathered_ = wanted - taken;
    return {IoResult::done, taken, 0};
}

void Tls::end_sending() {
    ERR_clear_error();
    SSL_shutdown(ssl_.get());
}

}  // namespace dreamport::net
