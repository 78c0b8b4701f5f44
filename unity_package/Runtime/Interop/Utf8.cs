#nullable enable
using System;
using System.Text;

namespace Dreamport.Interop
{
    /// <summary>Strings of the C ABI: UTF-8, ending with 0, in buffers of fixed size.</summary>
    internal static unsafe class Utf8
    {
        /// <summary>Writes text into a fixed buffer of <paramref name="capacity"/> bytes, ending with 0.</summary>
        /// <exception cref="ArgumentException">It does not fit; cutting a path or a token would hide the mistake.</exception>
        public static void Write(string? text, byte* target, int capacity, string what)
        {
            var bytes = string.IsNullOrEmpty(text) ? Array.Empty<byte>() : Encoding.UTF8.GetBytes(text);
            if (bytes.Length >= capacity)
                throw new ArgumentException($"{what} is too long: {bytes.Length} bytes, at most {capacity - 1}.");
            if (Array.IndexOf(bytes, (byte)0) >= 0)
                throw new ArgumentException($"{what} contains a zero character.");
            for (var i = 0; i < capacity; i++)
                target[i] = i < bytes.Length ? bytes[i] : (byte)0;
        }

        /// <summary>Writes text, cut at a whole character where it does not fit.</summary>
        public static void WriteCut(string? text, byte* target, int capacity)
        {
            var bytes = string.IsNullOrEmpty(text) ? Array.Empty<byte>() : Encoding.UTF8.GetBytes(text);
            var length = bytes.Length;
            if (length >= capacity)
            {
                length = capacity - 1;
                while (length > 0 && (bytes[length] & 0xC0) == 0x80)
                    length--;
            }
            for (var i = 0; i < capacity; i++)
                target[i] = i < length ? bytes[i] : (byte)0;
        }

        /// <summary>Reads text that ends with 0 or at the capacity.</summary>
        public static string Read(byte* source, int capacity)
        {
            var length = 0;
            while (length < capacity && source[length] != 0)
                length++;
            return length == 0 ? "" : Encoding.UTF8.GetString(source, length);
        }

        /// <summary>Reads text that the library keeps, ending with 0.</summary>
        public static string Read(byte* source) => source == null ? "" : Read(source, 4096);

        /// <summary>Text as bytes ending with 0, for a call that takes a pointer.</summary>
        public static byte[] Bytes(string? text)
        {
            var length = string.IsNullOrEmpty(text) ? 0 : Encoding.UTF8.GetByteCount(text);
            var bytes = new byte[length + 1];
            if (length > 0)
                Encoding.UTF8.GetBytes(text!, 0, text!.Length, bytes, 0);
            return bytes;
        }

        /// <summary>Whether a fixed buffer holds exactly these bytes and then 0.</summary>
        public static bool Equal(byte* source, int capacity, byte[] bytes)
        {
            for (var i = 0; i < capacity; i++)
            {
                var expected = i < bytes.Length ? bytes[i] : (byte)0;
                if (source[i] != expected)
                    return false;
                if (expected == 0)
                    return true;
            }
            return true;
        }
    }

    /// <summary>A text of a fixed buffer that becomes a new string only when it changed, so that reading it every frame allocates nothing.</summary>
    internal sealed unsafe class CachedText
    {
        byte[] _bytes = { 0 };

        /// <summary>The text last read.</summary>
        public string Value { get; private set; } = "";

        /// <summary>Reads the buffer; true when the text is another one than before.</summary>
        public bool Update(byte* source, int capacity)
        {
            if (Utf8.Equal(source, capacity, _bytes))
                return false;
            Value = Utf8.Read(source, capacity);
            _bytes = Utf8.Bytes(Value);
            return true;
        }
    }
}
