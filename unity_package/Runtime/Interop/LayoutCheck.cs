#nullable enable
using System;
using System.Collections.Generic;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Text;

namespace Dreamport.Interop
{
    /// <summary>Compares the structs of this package with those the native library was built with (dp_layout).</summary>
    public static unsafe class LayoutCheck
    {
        static readonly Dictionary<string, Type> Structs = new Dictionary<string, Type>
        {
            ["dp_layout_entry"] = typeof(DpLayoutEntry),
            ["dp_pose"] = typeof(DpPose),
            ["dp_intrinsics"] = typeof(DpIntrinsics),
            ["dp_endpoint"] = typeof(DpEndpoint),
            ["dp_executor_info"] = typeof(DpExecutorInfo),
            ["dp_connection_status"] = typeof(DpConnectionStatus),
            ["dp_button"] = typeof(DpButton),
            ["dp_named"] = typeof(DpNamed),
            ["dp_world"] = typeof(DpWorld),
            ["dp_client_options"] = typeof(DpClientOptions),
            ["dp_frame_format"] = typeof(DpFrameFormat),
            ["dp_control"] = typeof(DpControl),
            ["dp_frame"] = typeof(DpFrame),
            ["dp_event"] = typeof(DpEvent),
            ["dp_statistics"] = typeof(DpStatistics),
            ["dp_tag"] = typeof(DpTag),
            ["dp_recorder_options"] = typeof(DpRecorderOptions),
            ["dp_episode_options"] = typeof(DpEpisodeOptions),
            ["dp_capture_buffer"] = typeof(DpCaptureBuffer),
            ["dp_capture_frame"] = typeof(DpCaptureFrame),
            ["dp_recorder_stats"] = typeof(DpRecorderStats),
            ["dp_engine_pose"] = typeof(DpEnginePose),
            ["dp_path_options"] = typeof(DpPathOptions),
            ["dp_path_probe"] = typeof(DpPathProbe),
        };

        /// <summary>Names of the structs that are checked, as core.h spells them.</summary>
        public static IReadOnlyCollection<string> StructNames => Structs.Keys;

        /// <summary>Compares the size of every struct; "" when all agree, else a sentence. Runs when the library is first used.</summary>
        public static string Sizes()
        {
            DpLayoutEntry entry;
            var count = NativeMethods.dp_layout_count();
            for (uint i = 0; i < count; i++)
            {
                if (NativeMethods.dp_layout(i, &entry) != (int)NativeStatus.Ok)
                    return "The native library dreamport_core does not tell the layout of its structs.";
                if (entry.FieldName[0] != 0)
                    continue;
                var name = Utf8.Read(entry.StructName, 48);
                if (Structs.TryGetValue(name, out var type) && Marshal.SizeOf(type) != entry.Size)
                    return Message($"{name} has {entry.Size} bytes there and {Marshal.SizeOf(type)} here");
            }
            return "";
        }

        /// <summary>Compares every field by name, place and size, in both directions; "" when all agree, else what differs. Uses reflection:
        /// for the editor and for tests.</summary>
        public static string Fields()
        {
            var differences = new StringBuilder();
            var seen = new HashSet<string>();
            DpLayoutEntry entry;
            var count = NativeMethods.dp_layout_count();
            for (uint i = 0; i < count; i++)
            {
                NativeMethods.dp_layout(i, &entry);
                var structName = Utf8.Read(entry.StructName, 48);
                var fieldName = Utf8.Read(entry.FieldName, 48);
                if (!Structs.TryGetValue(structName, out var type))
                {
                    differences.Append($" {structName} is not known here;");
                    continue;
                }
                seen.Add($"{structName}.{fieldName}");
                if (fieldName.Length == 0)
                {
                    if (Marshal.SizeOf(type) != entry.Size)
                        differences.Append($" {structName} has {entry.Size} bytes there and {Marshal.SizeOf(type)} here;");
                    continue;
                }
                var field = type.GetField(Pascal(fieldName));
                if (field == null)
                {
                    differences.Append($" {structName}.{fieldName} is missing here;");
                    continue;
                }
                var offset = (uint)Marshal.OffsetOf(type, field.Name).ToInt64();
                if (offset != entry.Offset || SizeOf(field) != entry.Size)
                    differences.Append(
                        $" {structName}.{fieldName}: {entry.Size} bytes at {entry.Offset} there, {SizeOf(field)} at {offset} here;");
            }
            foreach (var pair in Structs)
                foreach (var field in pair.Value.GetFields(BindingFlags.Public | BindingFlags.Instance))
                    if (!seen.Contains($"{pair.Key}.{Snake(field.Name)}"))
                        differences.Append($" {pair.Key}.{Snake(field.Name)} is missing there;");
            return differences.Length == 0 ? "" : Message(differences.ToString().Trim(' ', ';'));
        }

        static string Message(string difference) =>
            $"The native library dreamport_core and this package disagree: {difference}. " +
            "Build the library of this version: python native/build.py --install";

        static int SizeOf(FieldInfo field)
        {
            var type = field.FieldType;
            return type.IsPointer ? IntPtr.Size : Marshal.SizeOf(type);
        }

        /// <summary>"depth_near_m" to "DepthNearM".</summary>
        internal static string Pascal(string snake)
        {
            var name = new StringBuilder();
            var upper = true;
            foreach (var letter in snake)
            {
                if (letter != '_')
                    name.Append(upper ? char.ToUpperInvariant(letter) : letter);
                upper = letter == '_';
            }
            return name.ToString();
        }

        /// <summary>"DepthNearM" to "depth_near_m".</summary>
        internal static string Snake(string pascal)
        {
            var name = new StringBuilder();
            foreach (var letter in pascal)
            {
                if (char.IsUpper(letter) && name.Length > 0)
                    name.Append('_');
                name.Append(char.ToLowerInvariant(letter));
            }
            return name.ToString();
        }
    }
}
