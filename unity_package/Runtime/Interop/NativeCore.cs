#nullable enable
using System;

namespace Dreamport.Interop
{
    /// <summary>A call of the native library was refused; the message says which and why.</summary>
    public sealed class NativeException : InvalidOperationException
    {
        internal NativeException(string message) : base(message)
        {
        }

        internal static unsafe void ThrowUnlessOk(int status, string doing)
        {
            if (status >= 0)
                return;
            if (status == (int)NativeStatus.ErrorShutDown)
                throw new NativeException($"Dreamport could not {doing}: its native library was shut down. Restart the editor.");
            throw new NativeException(
                $"Dreamport could not {doing}: {Utf8.Read(NativeMethods.dp_status_text(status))} ({(NativeStatus)status}).");
        }
    }

    /// <summary>The native library as a whole: whether it can be used, its versions and clock.</summary>
    public static unsafe class NativeCore
    {
        static string? _problem;

        /// <summary>Null when the library is there and fits this package; otherwise what is wrong and what to do.</summary>
        public static string? Problem => _problem ??= FindProblem();

        /// <summary>Whether the library can be used.</summary>
        public static bool IsUsable => Problem!.Length == 0;

        /// <summary>Version of the library, or "" when it cannot be used.</summary>
        public static string Version => IsUsable ? Utf8.Read(NativeMethods.dp_version()) : "";

        /// <summary>Versions of what is linked into it, or "".</summary>
        public static string Components => IsUsable ? Utf8.Read(NativeMethods.dp_components()) : "";

        /// <summary>The library's monotonic clock, nanoseconds.</summary>
        public static long NowNs => NativeMethods.dp_now_ns();

        /// <summary>Objects of the library that are alive in this process.</summary>
        public static int LiveObjects => NativeHandle.LiveCount;

        /// <summary>Looks again whether the library can be used (after an install), and lets a library that was shut down go on.</summary>
        public static void Restart()
        {
            _problem = null;
            if (IsUsable)
                NativeMethods.dp_restart();
        }

        /// <summary>Releases the clients and recorders that are still alive: play has ended.</summary>
        public static void EndPlay() => NativeHandle.ReleaseAll(onlyPlay: true);

        /// <summary>Releases every native object: the scripts are about to be reloaded.</summary>
        public static void ReleaseAll() => NativeHandle.ReleaseAll(onlyPlay: false);

        /// <summary>Releases everything and waits, at most <paramref name="timeoutMs"/> milliseconds, for the library's threads: the process ends.</summary>
        public static bool ShutDown(int timeoutMs)
        {
            ReleaseAll();
            return !IsUsable || NativeMethods.dp_shutdown((uint)timeoutMs) == (int)NativeStatus.Ok;
        }

        /// <exception cref="NativeException">The library is missing or does not fit.</exception>
        internal static void Require()
        {
            if (!IsUsable)
                throw new NativeException(Problem!);
        }

        static string FindProblem()
        {
            try
            {
                var version = NativeMethods.dp_abi_version();
                if (version != Limits.AbiVersion)
                    return $"The native library dreamport_core has ABI version {version}, this package needs {Limits.AbiVersion}. " +
                        (version < Limits.AbiVersion ? "Update the library: " : "Update the package, or build the library again: ") +
                        "python native/build.py --install";
                return LayoutCheck.Sizes();
            }
            catch (DllNotFoundException)
            {
                return "The native library dreamport_core is not in the package's Runtime/Plugins folder for this platform. " +
                    "In the Dreamport checkout run: python native/build.py --install";
            }
            catch (EntryPointNotFoundException error)
            {
                return $"The native library dreamport_core is older than this package ({error.Message}). " +
                    "In the Dreamport checkout run: python native/build.py --install";
            }
            catch (BadImageFormatException)
            {
                return "The native library dreamport_core is made for another processor. " +
                    "In the Dreamport checkout run: python native/build.py --install";
            }
        }
    }
}
