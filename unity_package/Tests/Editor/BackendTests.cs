#nullable enable
using System.IO;
using Dreamport.Internal;
using NUnit.Framework;

namespace Dreamport.Tests
{
    /// <summary>Finding, addressing and hearing a backend.</summary>
    public sealed class BackendTests
    {
        string _folder = "";

        [SetUp]
        public void MakeFolder()
        {
            _folder = Path.Combine(Path.GetTempPath(), "dreamport ünit " + Path.GetRandomFileName());
            Directory.CreateDirectory(_folder);
        }

        [TearDown]
        public void RemoveFolder() => Directory.Delete(_folder, true);

        [Test]
        public void TheReadyLineIsRead()
        {
            var line = ServeLine.TryParse(
                "{\"address\": \"127.0.0.1:41705\", \"web_url\": null, \"pid\": 16183, \"worlds\": [\"a]\", \"b\"], \"executor\": \"openvino\", " +
                "\"device\": \"AMD \\\"EPYC\\\" \\u00fc\", \"precision\": \"bf16\", \"fallback_reason\": null}");
            Assert.That(line, Is.Not.Null);
            Assert.That(line!.Address, Is.EqualTo("127.0.0.1:41705"));
            Assert.That(line.ProcessId, Is.EqualTo(16183));
            Assert.That(line.Executor.Device, Is.EqualTo("AMD \"EPYC\" ü"));
            Assert.That(line.Executor.FallbackReason, Is.EqualTo(""));
        }

        [TestCase("")]
        [TestCase("2026-11-22 [info] serving")]
        [TestCase("{\"address\": \"127.0.0.1")]
        [TestCase("{\"pid\": 3}")]
        [TestCase("{\"address\" 3}")]
        [TestCase("{\"address\": \"\\u12\"}")]
        public void OtherLinesAreNot(string line) => Assert.That(ServeLine.TryParse(line), Is.Null);

        [Test]
        public void AConfiguredFolderMayBeTheCommandAnEnvironmentOrACheckout()
        {
            var command = MakeCommand(".venv");
            Assert.That(BackendSearch.Find(command, null, ""), Is.EqualTo(command));
            Assert.That(BackendSearch.Find(Path.Combine(_folder, ".venv"), null, ""), Is.EqualTo(command));
            Assert.That(BackendSearch.Find(_folder, null, ""), Is.EqualTo(command));
        }

        [Test]
        public void AnEnvironmentAboveTheProjectIsFound()
        {
            var command = MakeCommand("venv");
            var project = Path.Combine(_folder, "games", "mine");
            Directory.CreateDirectory(project);
            Assert.That(BackendSearch.Find("", project, ""), Is.EqualTo(command));
        }

        [Test]
        public void ThePathIsSearchedLast()
        {
            var command = MakeCommand("elsewhere");
            var bin = Path.GetDirectoryName(command);
            Assert.That(BackendSearch.Find("", null, "/nowhere" + Path.PathSeparator + bin), Is.EqualTo(command));
            Assert.That(BackendSearch.Find("/not/there", null, bin), Is.Null, "a wrong setting is not covered up");
        }

        [TestCase("", "127.0.0.1", 50700, true)]
        [TestCase("localhost:7", "localhost", 7, true)]
        [TestCase("[::1]:50051", "::1", 50051, true)]
        [TestCase("gpu.example:443", "gpu.example", 443, false)]
        [TestCase("gpu.example", "gpu.example", 0, false)]
        [TestCase("10.0.0.3:99999", "10.0.0.3", 0, false)]
        public void AnAddressIsTakenApart(string address, string host, int port, bool loopback)
        {
            var endpoint = new EndpointSettings { Address = address };
            Assert.That(endpoint.Host, Is.EqualTo(host));
            Assert.That(endpoint.Port, Is.EqualTo(port));
            Assert.That(endpoint.IsLoopback, Is.EqualTo(loopback));
        }

        [TestCase("KeyW", "W")]
        [TestCase("ArrowUp", "UpArrow")]
        [TestCase("Digit7", "Digit7")]
        [TestCase("ShiftLeft", "LeftShift")]
        [TestCase("F12", "F12")]
        [TestCase("Space", "Space")]
        [TestCase("F13", null)]
        [TestCase("Key?", null)]
        [TestCase("BrowserBack", null)]
        public void SuggestedKeysHaveNamesInTheInputSystem(string code, string? name) =>
            Assert.That(KeyNames.FromCode(code), Is.EqualTo(name));

        string MakeCommand(string environment)
        {
            var windows = Path.DirectorySeparatorChar == '\\';
            var bin = Path.Combine(_folder, environment, windows ? "Scripts" : "bin");
            Directory.CreateDirectory(bin);
            var command = Path.Combine(bin, windows ? "dreamport.exe" : "dreamport");
            File.WriteAllText(command, "");
            return command;
        }
    }
}
