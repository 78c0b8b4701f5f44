#nullable enable
using Dreamport.Interop;

namespace Dreamport.Internal
{
    /// <summary>Which world to play, and how.</summary>
    public sealed class SessionSettings
    {
        /// <summary>The backend.</summary>
        public EndpointSettings Endpoint = new EndpointSettings();
        /// <summary>Name of the world; empty takes the server's default.</summary>
        public string World = "";
        /// <summary>Name of the start; empty takes the world's first.</summary>
        public string Start = "";
        /// <summary>Seed of the world's noise; null lets the server choose.</summary>
        public ulong? Seed;
        /// <summary>How frames travel.</summary>
        public FrameTransport Transport = FrameTransport.Automatic;
        /// <summary>How colour travels.</summary>
        public FrameColour Colour = FrameColour.Automatic;
        /// <summary>1 to 100; 0 takes 85.</summary>
        public int JpegQuality;
        /// <summary>Whether depth is wanted.</summary>
        public bool Depth = true;
        /// <summary>Wanted width, pixels; 0 takes the world's own.</summary>
        public int Width;
        /// <summary>Wanted height, pixels; 0 takes the world's own.</summary>
        public int Height;

        /// <exception cref="System.ArgumentException">A text is too long for the ABI.</exception>
        internal unsafe void Write(DpClientOptions* target)
        {
            *target = default;
            target->StructSize = (uint)sizeof(DpClientOptions);
            target->Transport = (uint)Transport;
            Endpoint.Write(&target->Endpoint);
            Utf8.Write(World, target->World, 128, "The world's name");
            Utf8.Write(Start, target->Start, 64, "The start's name");
            target->Seed = Seed ?? 0;
            target->HasSeed = Seed.HasValue ? 1u : 0u;
            target->Width = (uint)Width;
            target->Height = (uint)Height;
            target->ColourFormat = (uint)Colour;
            target->JpegQuality = (uint)JpegQuality;
            target->DepthFormat = Depth ? 1u : 0u;
            target->Reconnect = 1;
        }
    }
}
