#nullable enable
using System;
using System.Globalization;
using Dreamport.Interop;

namespace Dreamport.Internal
{
    /// <summary>How to reach a backend. A loopback address needs neither TLS nor token.</summary>
    public sealed class EndpointSettings
    {
        /// <summary>Where a backend listens unless told otherwise.</summary>
        public const string DefaultAddress = "127.0.0.1:50700";

        /// <summary>"host:port"; empty takes <see cref="DefaultAddress"/>.</summary>
        public string Address = "";
        /// <summary>Bearer token; empty for none. A secret: never logged.</summary>
        public string Token = "";
        /// <summary>Whether to speak TLS.</summary>
        public bool UseTls;
        /// <summary>PEM file of certificates to trust; empty takes the system's.</summary>
        public string CaFile = "";
        /// <summary>Name the certificate must bear; empty takes the host.</summary>
        public string ServerName = "";

        /// <summary>The address in use, never empty.</summary>
        public string EffectiveAddress => string.IsNullOrWhiteSpace(Address) ? DefaultAddress : Address.Trim();

        /// <summary>Host of the address, without brackets.</summary>
        public string Host
        {
            get
            {
                var address = EffectiveAddress;
                var colon = address.LastIndexOf(':');
                var host = colon > address.LastIndexOf(']') ? address.Substring(0, colon) : address;
                return host.Trim('[', ']');
            }
        }

        /// <summary>Port of the address, or 0 when it names none.</summary>
        public int Port
        {
            get
            {
                var address = EffectiveAddress;
                var colon = address.LastIndexOf(':');
                if (colon <= address.LastIndexOf(']'))
                    return 0;
                return int.TryParse(address.Substring(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var port) &&
                    port <= 65535 ? port : 0;
            }
        }

        /// <summary>Whether the address is this machine: only then a backend may be started.</summary>
        public bool IsLoopback
        {
            get
            {
                var host = Host;
                return host == "localhost" || host == "::1" || host.StartsWith("127.", StringComparison.Ordinal);
            }
        }

        /// <exception cref="ArgumentException">A text is too long for the ABI.</exception>
        internal unsafe void Write(DpEndpoint* target)
        {
            *target = default;
            target->StructSize = (uint)sizeof(DpEndpoint);
            target->UseTls = UseTls ? 1u : 0u;
            Utf8.Write(EffectiveAddress, target->Address, 256, "The address");
            Utf8.Write(Token, target->Token, 256, "The token");
            Utf8.Write(CaFile, target->CaFile, 1024, "The path of the CA file");
            Utf8.Write(ServerName, target->ServerName, 256, "The server name");
        }
    }
}
