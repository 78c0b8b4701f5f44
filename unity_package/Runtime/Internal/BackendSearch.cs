#nullable enable
using System;
using System.Collections.Generic;
using System.IO;

namespace Dreamport.Internal
{
    /// <summary>Finds the `dreamport` command: what the settings name, then virtual environments beside the project, then PATH.</summary>
    public static class BackendSearch
    {
        static bool IsWindows => Path.DirectorySeparatorChar == '\\';

        /// <summary>Full path of the command, or null. <paramref name="configured"/> may be the command itself, a virtual environment or a
        /// checkout that holds one; <paramref name="projectFolder"/> and the folders above it are searched for `.venv` and `venv`.</summary>
        public static string? Find(string? configured, string? projectFolder, string? searchPath)
        {
            if (!string.IsNullOrWhiteSpace(configured))
                return InPlace(configured!.Trim());
            var folder = string.IsNullOrEmpty(projectFolder) ? null : new DirectoryInfo(projectFolder!);
            for (var steps = 0; folder != null && steps < 4; folder = folder.Parent, steps++)
                foreach (var place in new[] { Path.Combine(folder.FullName, ".venv"), Path.Combine(folder.FullName, "venv") })
                    if (InEnvironment(place) is string found)
                        return found;
            foreach (var entry in (searchPath ?? "").Split(Path.PathSeparator))
                if (entry.Length > 0 && InFolder(entry) is string found)
                    return found;
            return null;
        }

        static string? InPlace(string place)
        {
            if (File.Exists(place))
                return Path.GetFullPath(place);
            return InFolder(place) ?? InEnvironment(place) ?? InEnvironment(Path.Combine(place, ".venv")) ??
                InEnvironment(Path.Combine(place, "venv"));
        }

        static string? InEnvironment(string place) => InFolder(Path.Combine(place, IsWindows ? "Scripts" : "bin"));

        static string? InFolder(string folder)
        {
            foreach (var name in Names())
            {
                string path;
                try
                {
                    path = Path.Combine(folder, name);
                }
                catch (ArgumentException)
                {
                    return null;
                }
                if (File.Exists(path))
                    return Path.GetFullPath(path);
            }
            return null;
        }

        static IEnumerable<string> Names()
        {
            if (IsWindows)
            {
                yield return "dreamport.exe";
                yield return "dreamport.cmd";
            }
            else
            {
                yield return "dreamport";
            }
        }
    }
}
