#nullable enable
using System;
using System.Collections.Generic;
using System.IO;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Runtime.Loader;
using NUnit.Framework.Api;
using NUnit.Framework.Interfaces;
using NUnit.Framework.Internal;

namespace Dreamport.Runner
{
    /// <summary>Runs the NUnit tests of one assembly on plain .NET: <c>dotnet Runner.dll ASSEMBLY [FULL-NAME-PART ...]</c>.
    /// One line a test; exit code 1 when one failed or none ran. DREAMPORT_CORE names the native library to load.</summary>
    public static class Program
    {
        public static int Main(string[] arguments)
        {
            var folder = AppContext.BaseDirectory;
            var core = Environment.GetEnvironmentVariable("DREAMPORT_CORE");
            var resolved = new HashSet<Assembly>();
            AssemblyLoadContext.Default.Resolving += (context, name) =>
            {
                var path = Path.Combine(folder, name.Name + ".dll");
                return File.Exists(path) ? context.LoadFromAssemblyPath(path) : null;
            };
            AppDomain.CurrentDomain.AssemblyLoad += (_, loaded) =>
            {
                var assembly = loaded.LoadedAssembly;
                var name = assembly.GetName().Name;
                if (string.IsNullOrEmpty(core) || name == null || !name.StartsWith("Dreamport.") || !resolved.Add(assembly))
                    return;
                NativeLibrary.SetDllImportResolver(assembly, (library, _, _) =>
                    library == "dreamport_core" ? NativeLibrary.Load(core) : IntPtr.Zero);
            };
            return Run(AssemblyLoadContext.Default.LoadFromAssemblyPath(Path.Combine(folder, arguments[0] + ".dll")), arguments);
        }

        static int Run(Assembly tests, string[] arguments)
        {
            var runner = new NUnitTestAssemblyRunner(new DefaultTestAssemblyBuilder());
            runner.Load(tests, new Dictionary<string, object> { ["NumberOfTestWorkers"] = 0 });
            var listener = new Lines(Console.Out);
            runner.Run(listener, new NamePart(arguments));
            Console.WriteLine($"DONE passed={listener.Passed} failed={listener.Failed} skipped={listener.Skipped}");
            return listener.Failed == 0 && listener.Passed > 0 ? 0 : 1;
        }

        sealed class NamePart : TestFilter
        {
            readonly string[] _arguments;

            public NamePart(string[] arguments) => _arguments = arguments;

            public override bool Match(ITest test)
            {
                if (_arguments.Length < 2)
                    return true;
                for (var i = 1; i < _arguments.Length; i++)
                    if (test.FullName.Contains(_arguments[i]))
                        return true;
                return false;
            }

            public override TNode AddToXml(TNode parent, bool recursive) => parent.AddElement("filter");
        }

        sealed class Lines : ITestListener
        {
            // NUnit captures Console.Out while tests run.
            readonly System.IO.TextWriter _out;
            public int Passed, Failed, Skipped;

            public Lines(System.IO.TextWriter writer) => _out = writer;

            public void TestStarted(ITest test)
            {
            }

            public void TestFinished(ITestResult result)
            {
                if (result.Test.IsSuite)
                {
                    if (result.ResultState.Status == TestStatus.Failed && result.ResultState.Site != FailureSite.Child)
                    {
                        Failed++;
                        _out.WriteLine($"FAIL {result.Test.FullName}\n{result.Message}\n{result.StackTrace}");
                    }
                    return;
                }
                switch (result.ResultState.Status)
                {
                    case TestStatus.Passed:
                        Passed++;
                        _out.WriteLine($"PASS {result.Test.FullName} {result.Duration:F2} s");
                        break;
                    case TestStatus.Failed:
                        Failed++;
                        _out.WriteLine($"FAIL {result.Test.FullName}\n{result.Message}\n{result.StackTrace}");
                        break;
                    default:
                        Skipped++;
                        _out.WriteLine($"SKIP {result.Test.FullName}: {result.Message}");
                        break;
                }
                if (!string.IsNullOrEmpty(result.Output))
                    _out.WriteLine(result.Output.TrimEnd());
            }

            public void TestOutput(TestOutput output)
            {
            }

            public void SendMessage(TestMessage message)
            {
            }
        }
    }
}
