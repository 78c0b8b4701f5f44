#nullable enable
using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Text;

namespace Dreamport.Internal
{
    /// <summary>A `dreamport serve` that was started here. It writes into a file and not into a pipe, because a pipe would close, and take the
    /// backend along, whenever the editor reloads its scripts.</summary>
    sealed class BackendProcess : IDisposable
    {
        readonly Process _process;
        readonly StringBuilder _line = new StringBuilder();
        readonly byte[] _bytes = new byte[4096];
        readonly Decoder _decoder = Encoding.UTF8.GetDecoder();
        readonly char[] _letters = new char[4096 + 4];
        long _read;

        BackendProcess(Process process, string logFile)
        {
            _process = process;
            ProcessId = process.Id;
            LogFile = logFile;
        }

        static bool IsWindows => Path.DirectorySeparatorChar == '\\';

        /// <summary>Of the process that was started: the backend, or on Windows the shell that waits for it.</summary>
        public int ProcessId { get; }

        /// <summary>Where its output goes.</summary>
        public string LogFile { get; }

        /// <summary>Whether it has ended.</summary>
        public bool HasExited => _process.HasExited;

        /// <summary>Starts the command.</summary>
        /// <exception cref="InvalidOperationException">It could not be started.</exception>
        /// <exception cref="System.ComponentModel.Win32Exception">The system refused.</exception>
        public static BackendProcess Start(string command, IReadOnlyList<string> arguments)
        {
            var log = Path.Combine(Path.GetTempPath(), $"dreamport-backend-{Guid.NewGuid():N}.log");
            var start = new ProcessStartInfo { UseShellExecute = false, CreateNoWindow = true };
            if (IsWindows)
            {
                var line = new StringBuilder($"/d /s /c \"\"{command}\"");
                foreach (var argument in arguments)
                    line.Append($" \"{argument}\"");
                start.FileName = "cmd.exe";
                start.Arguments = line.Append($" >\"{log}\" 2>&1 <nul\"").ToString();
            }
            else
            {
                start.FileName = "/bin/sh";
                start.ArgumentList.Add("-c");
                start.ArgumentList.Add("log=$1; shift; umask 077; exec \"$@\" >\"$log\" 2>&1 </dev/null");
                start.ArgumentList.Add("sh");
                start.ArgumentList.Add(log);
                start.ArgumentList.Add(command);
                foreach (var argument in arguments)
                    start.ArgumentList.Add(argument);
            }
            var process = Process.Start(start) ?? throw new InvalidOperationException("the system started nothing");
            return new BackendProcess(process, log);
        }

        /// <summary>The process that was started before the scripts were reloaded; null when it has ended.</summary>
        public static BackendProcess? Find(int processId, string logFile)
        {
            try
            {
                var process = Process.GetProcessById(processId);
                return process.HasExited ? null : new BackendProcess(process, logFile);
            }
            catch (ArgumentException)
            {
                return null;
            }
        }

        /// <summary>The lines written since the last call. The first call after <see cref="Find"/> gives them all again.</summary>
        public IEnumerable<string> NewLines()
        {
            if (!File.Exists(LogFile))
                yield break;
            using (var file = new FileStream(LogFile, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete))
            {
                file.Seek(_read, SeekOrigin.Begin);
                int count;
                while ((count = file.Read(_bytes, 0, _bytes.Length)) > 0)
                {
                    _read += count;
                    var letters = _decoder.GetChars(_bytes, 0, count, _letters, 0);
                    for (var i = 0; i < letters; i++)
                    {
                        if (_letters[i] != '\n')
                        {
                            _line.Append(_letters[i]);
                            continue;
                        }
                        var line = _line.ToString();
                        _line.Clear();
                        yield return line;
                    }
                }
            }
        }

        /// <summary>Ends it, and on Windows what its shell started.</summary>
        public void Kill()
        {
            try
            {
                if (_process.HasExited)
                    return;
                if (IsWindows)
                    Process.Start(new ProcessStartInfo("taskkill", $"/T /F /PID {ProcessId}") { UseShellExecute = false, CreateNoWindow = true })
                        ?.Dispose();
                else
                    _process.Kill();
            }
            catch (InvalidOperationException)
            {
                // It ended in between.
            }
            DeleteLog();
        }

        /// <summary>Lets go of it; it runs on.</summary>
        public void Dispose()
        {
            if (_process.HasExited)
                DeleteLog();
            _process.Dispose();
        }

        void DeleteLog()
        {
            try
            {
                File.Delete(LogFile);
            }
            catch (IOException)
            {
                // Windows: it is still open; it stays in the folder for temporary files.
            }
        }
    }
}
