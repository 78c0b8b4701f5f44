#nullable enable
using System;
using System.Globalization;
using System.Text;
using Dreamport.Interop;

namespace Dreamport.Internal
{
    /// <summary>The text of "Copy diagnostics": all that somebody who helps needs to know, and no secret.</summary>
    public static class Diagnostics
    {
        /// <summary>Version of this package; a test compares it with package.json.</summary>
        public const string PackageVersion = "0.1.0";

        /// <summary>Builds the text. <paramref name="host"/>: engine and machine in the caller's words, one fact a line.</summary>
        public static string Text(string host, WorldSession? session, BackendLauncher? launcher)
        {
            var text = new StringBuilder();
            Line(text, "package", PackageVersion);
            Line(text, "native", NativeCore.IsUsable ? $"{NativeCore.Version} ({NativeCore.Components})" : NativeCore.Problem!);
            Line(text, "native objects", NativeCore.LiveObjects.ToString(CultureInfo.InvariantCulture));
            foreach (var fact in host.Split('\n'))
                if (fact.Length > 0)
                    text.Append(fact).Append('\n');
            if (launcher != null)
            {
                Line(text, "backend", $"{launcher.Phase}: {launcher.Message}");
                if (launcher.Line != null)
                    Line(text, "backend executor", launcher.Line.Executor.ToString());
                foreach (var line in launcher.Log)
                    Line(text, "backend log", line);
            }
            if (session != null)
                Add(text, session);
            return text.ToString();
        }

        static void Add(StringBuilder text, WorldSession session)
        {
            var endpoint = session.Settings.Endpoint;
            Line(text, "address", endpoint.EffectiveAddress);
            Line(text, "TLS", endpoint.UseTls ? "yes" : "no");
            Line(text, "token", endpoint.Token.Length > 0 ? "set (not shown)" : "none");
            Line(text, "state", $"{session.State}, {session.Problem}, {session.Attempts} attempts, {session.ResumedCount} resumed, " +
                $"{session.RestartedCount} restarted");
            Line(text, "message", session.Message);
            Line(text, "server said", session.ServerMessage);
            if (session.World != null)
                Line(text, "world", $"{session.World.Name} {session.World.Digest}");
            if (session.Executor != null)
                Line(text, "executor", session.Executor.ToString());
            ref readonly var format = ref session.Format;
            Line(text, "frames", FormattableString.Invariant(
                $"{format.Width}x{format.Height}, {format.FrameRate:F1} fps wanted, {session.Transport}, seed {format.Seed}"));
            ref readonly var now = ref session.Statistics;
            Line(text, "rate", FormattableString.Invariant(
                $"{now.Fps:F1} fps received, {now.ServerFps:F1} fps made, interval p50 {now.IntervalMsP50:F1} p99 {now.IntervalMsP99:F1} ms, jitter {now.JitterMs:F1} ms"));
            Line(text, "latency", FormattableString.Invariant(
                $"control to frame p50 {now.ControlToFrameMsP50:F1} p95 {now.ControlToFrameMsP95:F1} ms, generation p50 {now.GenerationMsP50:F1} ms, arrival p50 {now.GeneratedToArrivedMsP50:F2} ms, round trip {now.RoundTripMs:F2} ms"));
            Line(text, "counted", FormattableString.Invariant(
                $"{now.FramesReceived} received, {now.FramesAcquired} taken, {now.FramesReplaced} replaced, {now.FramesTorn} torn, {now.ServerDropped} dropped by the server, {now.ControlsSent} controls, {now.ControlsMerged} merged"));
        }

        static void Line(StringBuilder text, string name, string value)
        {
            if (value.Length > 0)
                text.Append(name).Append(": ").Append(value.Replace('\n', ' ')).Append('\n');
        }
    }
}
