// Stub of UnrealBuildTool: what the plugin's Build.cs files set, and a program that runs them for every platform and prints what they set.

using System;
using System.Collections.Generic;
using System.Text.Json;

namespace UnrealBuildTool
{
    public sealed class UnrealTargetPlatform
    {
        public static readonly UnrealTargetPlatform Win64 = new("Win64");
        public static readonly UnrealTargetPlatform Mac = new("Mac");
        public static readonly UnrealTargetPlatform Linux = new("Linux");
        public static readonly UnrealTargetPlatform LinuxArm64 = new("LinuxArm64");
        readonly string _name;
        UnrealTargetPlatform(string name) => _name = name;
        public override string ToString() => _name;
    }

    public sealed class UnrealArch
    {
        public static readonly UnrealArch X64 = new("x64");
        public static readonly UnrealArch Arm64 = new("arm64");
        readonly string _name;
        UnrealArch(string name) => _name = name;
        public override string ToString() => _name;
    }

    public class ReadOnlyTargetRules
    {
        public ReadOnlyTargetRules(UnrealTargetPlatform platform, UnrealArch architecture)
        {
            Platform = platform;
            Architecture = architecture;
        }

        public UnrealTargetPlatform Platform { get; }
        public UnrealArch Architecture { get; }
    }

    public class RuntimeDependencyList
    {
        public readonly List<string[]> Inner = new();
        public void Add(string path, string sourcePath) => Inner.Add(new[] { path, sourcePath });
    }

    public class ModuleRules
    {
        public enum ModuleType { CPlusPlus, External }
        public enum PCHUsageMode { Default, UseExplicitOrSharedPCHs }

        /// <summary>Set by the program before a module is made, as UnrealBuildTool knows it from the file's path.</summary>
        public static string StubDirectory = "";

        public ModuleRules(ReadOnlyTargetRules target) => Target = target;

        public ReadOnlyTargetRules Target { get; }
        public ModuleType Type { get; protected set; }
        public PCHUsageMode PCHUsage { get; protected set; }
        public bool bUseUnity { get; protected set; } = true;
        public string ModuleDirectory => StubDirectory;
        public readonly List<string> PublicDependencyModuleNames = new();
        public readonly List<string> PrivateDependencyModuleNames = new();
        public readonly List<string> PublicSystemIncludePaths = new();
        public readonly List<string> PublicAdditionalLibraries = new();
        public readonly List<string> PublicDelayLoadDLLs = new();
        public readonly RuntimeDependencyList RuntimeDependencies = new();
    }
}

static class Program
{
    // Arguments: pairs of module name and folder.
    static int Main(string[] arguments)
    {
        var targets = new[]
        {
            new UnrealBuildTool.ReadOnlyTargetRules(UnrealBuildTool.UnrealTargetPlatform.Win64, UnrealBuildTool.UnrealArch.X64),
            new UnrealBuildTool.ReadOnlyTargetRules(UnrealBuildTool.UnrealTargetPlatform.Win64, UnrealBuildTool.UnrealArch.Arm64),
            new UnrealBuildTool.ReadOnlyTargetRules(UnrealBuildTool.UnrealTargetPlatform.Mac, UnrealBuildTool.UnrealArch.X64),
            new UnrealBuildTool.ReadOnlyTargetRules(UnrealBuildTool.UnrealTargetPlatform.Mac, UnrealBuildTool.UnrealArch.Arm64),
            new UnrealBuildTool.ReadOnlyTargetRules(UnrealBuildTool.UnrealTargetPlatform.Linux, UnrealBuildTool.UnrealArch.X64),
            new UnrealBuildTool.ReadOnlyTargetRules(UnrealBuildTool.UnrealTargetPlatform.LinuxArm64, UnrealBuildTool.UnrealArch.Arm64),
        };
        var all = new List<object>();
        for (var i = 0; i < arguments.Length; i += 2)
        {
            UnrealBuildTool.ModuleRules.StubDirectory = arguments[i + 1];
            foreach (var target in targets)
            {
                var type = typeof(Program).Assembly.GetType(arguments[i]) ?? throw new InvalidOperationException(arguments[i]);
                var rules = (UnrealBuildTool.ModuleRules)Activator.CreateInstance(type, target)!;
                all.Add(new Dictionary<string, object>
                {
                    ["module"] = arguments[i],
                    ["target"] = $"{target.Platform} {target.Architecture}",
                    ["external"] = rules.Type == UnrealBuildTool.ModuleRules.ModuleType.External,
                    ["public"] = rules.PublicDependencyModuleNames,
                    ["private"] = rules.PrivateDependencyModuleNames,
                    ["includes"] = rules.PublicSystemIncludePaths,
                    ["libraries"] = rules.PublicAdditionalLibraries,
                    ["delayed"] = rules.PublicDelayLoadDLLs,
                    ["runtime"] = rules.RuntimeDependencies.Inner,
                });
            }
        }
        Console.WriteLine(JsonSerializer.Serialize(all));
        return 0;
    }
}
