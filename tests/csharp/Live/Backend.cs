#nullable enable
using System;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Dreamport.Internal;
using NUnit.Framework;

namespace Dreamport.Live
{
    /// <summary>A real server in a process of its own: the pattern world, or the `dreamport` command.</summary>
    sealed class Backend : IDisposable
    {
        readonly Process _process;

        Backend(Process process)
        {
            _process = process;
            process.ErrorDataReceived += (_, _) => { };
            process.BeginErrorReadLine();
            while (process.StandardOutput.ReadLine() is string line)
            {
                if (!(ServeLine.TryParse(line) is ServeLine found))
                    continue;
                Address = found.Address;
                return;
            }
            throw new InvalidOperationException("the server ended before it was ready");
        }

        /// <summary>"127.0.0.1:port".</summary>
        public string Address { get; } = "";

        /// <summary>Pictures made beforehand, at any rate.</summary>
        public static Backend Pattern(int frameRate, int port = 0, int width = 160, int height = 96) => Start(Python, "-m",
            "dreamport_tools.bench.pattern", "--width", Text(width), "--height", Text(height), "--frame-rate", Text(frameRate), "--port",
            Text(port), "--max-sessions", "64");

        /// <summary>`dreamport serve` with these arguments.</summary>
        public static Backend Serve(params string[] arguments)
        {
            var all = new string[arguments.Length + 4];
            new[] { "-m", "dreamport", "serve", "--json" }.CopyTo(all, 0);
            arguments.CopyTo(all, 4);
            return Start(Python, all);
        }

        /// <summary>SIGKILL: gone without a word.</summary>
        public void Kill()
        {
            if (!_process.HasExited)
                _process.Kill();
            _process.WaitForExit();
        }

        public void Dispose()
        {
            Kill();
            _process.Dispose();
        }

        /// <summary>A port of 127.0.0.1 that nobody listens on.</summary>
        public static int FreePort()
        {
            var listener = new TcpListener(IPAddress.Loopback, 0);
            listener.Start();
            var port = ((IPEndPoint)listener.LocalEndpoint).Port;
            listener.Stop();
            return port;
        }

        /// <summary>The interpreter that pytest runs in.</summary>
        public static string Python => Environment.GetEnvironmentVariable("DREAMPORT_PYTHON") ??
            throw new InvalidOperationException("DREAMPORT_PYTHON names no interpreter");

        static Backend Start(string program, params string[] arguments)
        {
            var start = new ProcessStartInfo(program)
            {
                UseShellExecute = false,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            };
            foreach (var argument in arguments)
                start.ArgumentList.Add(argument);
            return new Backend(Process.Start(start)!);
        }

        static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
    }

    /// <summary>Waiting for what another thread or process does, with a limit.</summary>
    static class Wait
    {
        /// <summary>Calls <paramref name="step"/> about a thousand times a second until <paramref name="done"/>; fails after
        /// <paramref name="seconds"/>.</summary>
        public static void Until(Func<bool> done, Action step, Func<string> what, double seconds = 20)
        {
            var clock = Stopwatch.StartNew();
            while (!done())
            {
                step();
                if (clock.Elapsed.TotalSeconds > seconds)
                    Assert.Fail($"not within {seconds} s: {what()}");
                System.Threading.Thread.Sleep(1);
            }
        }
    }
}
