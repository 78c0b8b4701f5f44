#nullable enable
using System;
using System.Collections.Generic;
using System.Globalization;
using System.Text;

namespace Dreamport.Internal
{
    /// <summary>The one line of JSON that `dreamport serve --json` prints when it is ready.</summary>
    public sealed class ServeLine
    {
        ServeLine(Dictionary<string, string> values)
        {
            Address = values.TryGetValue("address", out var address) ? address : "";
            ProcessId = values.TryGetValue("pid", out var pid) &&
                int.TryParse(pid, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : 0;
            Executor = new ExecutorInfo(Text(values, "executor"), Text(values, "device"), Text(values, "precision"),
                Text(values, "fallback_reason"));
        }

        /// <summary>"host:port" that it listens on.</summary>
        public string Address { get; }
        /// <summary>Process id of the backend.</summary>
        public int ProcessId { get; }
        /// <summary>What runs its worlds.</summary>
        public ExecutorInfo Executor { get; }

        /// <summary>Reads the line; null when it is none (a log line, a warning of an interpreter).</summary>
        public static ServeLine? TryParse(string line)
        {
            var text = line.Trim();
            if (!text.StartsWith("{", StringComparison.Ordinal) || !text.EndsWith("}", StringComparison.Ordinal))
                return null;
            try
            {
                var values = ReadObject(text);
                return values.ContainsKey("address") ? new ServeLine(values) : null;
            }
            catch (FormatException)
            {
                return null;
            }
        }

        static string Text(Dictionary<string, string> values, string key) => values.TryGetValue(key, out var value) ? value : "";

        /// <summary>The members of a flat object: strings decoded, null as "", everything else as it stands.</summary>
        static Dictionary<string, string> ReadObject(string text)
        {
            var values = new Dictionary<string, string>();
            var at = 1;
            while (true)
            {
                SkipSpace(text, ref at);
                if (Peek(text, at) == '}')
                    return values;
                var key = ReadString(text, ref at);
                SkipSpace(text, ref at);
                if (Peek(text, at) != ':')
                    throw new FormatException("':' expected");
                at++;
                SkipSpace(text, ref at);
                var value = Peek(text, at) == '"' ? ReadString(text, ref at) : ReadRaw(text, ref at);
                if (value != "null")
                    values[key] = value;
                SkipSpace(text, ref at);
                if (Peek(text, at) == ',')
                    at++;
            }
        }

        static string ReadString(string text, ref int at)
        {
            if (Peek(text, at) != '"')
                throw new FormatException("'\"' expected");
            var value = new StringBuilder();
            for (at++; Peek(text, at) != '"'; at++)
            {
                if (text[at] != '\\')
                {
                    value.Append(text[at]);
                    continue;
                }
                at++;
                switch (Peek(text, at))
                {
                    case 'n':
                        value.Append('\n');
                        break;
                    case 't':
                        value.Append('\t');
                        break;
                    case 'r':
                        value.Append('\r');
                        break;
                    case 'u':
                        if (at + 4 >= text.Length || !ushort.TryParse(text.Substring(at + 1, 4), NumberStyles.HexNumber,
                            CultureInfo.InvariantCulture, out var unit))
                            throw new FormatException("four hexadecimal digits expected");
                        value.Append((char)unit);
                        at += 4;
                        break;
                    default:
                        value.Append(text[at]);
                        break;
                }
            }
            at++;
            return value.ToString();
        }

        /// <summary>A number, a word, or a whole array or object, brackets and strings counted.</summary>
        static string ReadRaw(string text, ref int at)
        {
            var begin = at;
            var depth = 0;
            while (true)
            {
                var letter = Peek(text, at);
                if (letter == '"')
                {
                    ReadString(text, ref at);
                    continue;
                }
                if (depth == 0 && (letter == ',' || letter == '}'))
                    return text.Substring(begin, at - begin).Trim();
                if (letter == '[' || letter == '{')
                    depth++;
                if (letter == ']' || letter == '}')
                    depth--;
                at++;
            }
        }

        static void SkipSpace(string text, ref int at)
        {
            while (at < text.Length && char.IsWhiteSpace(text[at]))
                at++;
        }

        static char Peek(string text, int at) => at < text.Length ? text[at] : throw new FormatException("the line ends early");
    }
}
